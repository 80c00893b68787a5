"""Word indexes: texts ranked by BM25, held in memory and made anew at every start. Never the truth."""
