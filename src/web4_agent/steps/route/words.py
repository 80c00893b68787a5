"""The words that routing knows, English and German, each in one class. Called by the letters; knows no pattern.

Names of tools, programs and file kinds are words, too. A word stands in the class of its use in a question to a coding
assistant: `fix` is something to do, `fixed` something that was done.
"""

from collections.abc import Mapping

CLASSES: Mapping[str, str] = {
    "WHAT": "what whats what's which welche welcher welches welchen welchem",
    "HOW": "how wie",
    "WHY": "why warum wieso weshalb weswegen",
    "WHEN": "when wann",
    "WHERE": "where wo woher wohin worin",
    "WHO": "who whose whom wer wem wen wessen",
    "WHAT_TO": "wozu wofür woran worüber womit wogegen",
    "DID": "did didn't",
    "DO": "do does don't doesn't tut macht machen",
    "HAVE": "have has had haven't hasn't haben hat hatten hatte habt hast habe",
    "WAS": "was were wasn't weren't wurde wurden war waren been worden gewesen",
    "IS": "is are be being isn't aren't ist sind sei am i'm werden wird there's",
    "MODAL": (
        "should would must shall may might ought sollte sollten soll sollen muss müssen darf dürfen würde würden"
        " würdest shouldn't"
    ),
    "CAN": "can could kann kannst können könnt könnte könnten könntest couldn't can't",
    "WILL": "will won't willst wollen",
    "TEAM": (
        "we us our ours team anyone anybody somebody someone everybody everyone nobody colleague colleagues"
        " teammate teammates wir uns unser unsere unserem unseren unserer unseres jemand niemand kollege kollegen"
        " kollegin we've we'd projektteam devs folks guys crew mannschaft leute entwicklerteam coworkers dev-team"
    ),
    "I": "i me my mine ich mir mich mein meine meinen meinem meiner i've i'd",
    "YOU": "you your du dir dich dein deine sie ihr ihnen",
    "A": "a an ein eine einen einem einer some any eines",
    "EACH": "all every each alle jede jeden jedes both beide",
    "ABOUT": "about on regarding concerning covering describing mentioning über zu zum zur bezüglich dealing auf",
    "OF": "of von vom",
    "BY": "by",
    "FROM": "from since seit ab",
    "TO": "to into until till through thru bis onto",
    "IN": "in im within during während innerhalb inside",
    "AT": "at bei beim",
    "FOR": "for für",
    "WITH": "with mit",
    "BETWEEN": "between zwischen",
    "AND": "and und & plus sowie",
    "OR": "or oder",
    "THAN": "than als",
    "THEN": "then dann danach anschließend afterwards",
    "IF": "if falls wenn whether ob",
    "IT": "it es them they itself",
    "NOT": "not no never nicht kein keine keinen nie niemals",
    "THERE": "gibt there",
    "SO": "so",
    "UP": "up",
    "OUT": "out aus",
    "LEAD": (
        "please pls plz bitte kindly just now first ok okay hey hi hello hallo also jetzt zuerst finally let"
        " let's lets ahead need want try bitteschön thanks schnell quickly simply einfach like geh mind"
    ),
    "HELP": "help hilf",
    "USE": "use benutze nutze verwende invoke trigger rufe ruf using uses",
    "JOURNAL": (
        "pdca pdcas journal journals logbook tron trons retro retros journaleintrag journaleinträge tagebuch"
        " arbeitstagebuch logbuch pdca's"
    ),
    "ENTRY": (
        "entry entries eintrag einträge document documents doc docs dokument dokumente dokumenten note notes"
        " notiz notizen records aufzeichnung protokoll protokolle writeup write-up minutes record aufzeichnungen"
    ),
    "SESSION": "session sessions sitzung sitzungen meeting meetings standup stand-up besprechung kickoff kick-off",
    "SPRINT": "sprint sprints iteration milestone meilenstein",
    "TEMPLATE": (
        "template templates skeleton formats schema schemas structure section sections heading headings example"
        " examples definition acronym abbreviation stands mean means vorlage vorlagen aufbau struktur abschnitt"
        " abschnitte überschrift überschriften beispiel bedeutet bedeutung abkürzung methodology cycle methode"
        " zyklus concept konzept define definiere step steps phase phases teil teile part parts schritt schritte"
        " levels level stufe stufen pattern patterns muster block blocks rule rules regel regeln convention"
        " conventions konvention konventionen guideline guidelines form principle principles prinzip prinzipien"
    ),
    "SEEK": (
        "show find list give get display summarise summarize quote cite bring dig collect gather retrieve fetch"
        " compare zeig zeige zeigen such suche suchen finde finden gib liste nenne nennen zitiere fasse"
        " zusammenfassen hol hole vergleiche locate"
    ),
    "TELL": (
        "tell say says said sagt sagte erzähl erzähle describe describes beschreibe explain erkläre erklär remind"
        " steht explains erklären mention mentions mentioned erwähnt erwähnen claims sag sage"
    ),
    "LOOK": (
        "look search browse durchsuche durchsuchen schau schaue schauen sieh prüfe prüfen überprüfe check prüf"
        " inspect verify analyse analyze count zähle zähl untersuche scan"
    ),
    "OPEN": "open read view print lies lese lesen öffnen load tail head öffnet lade öffne",
    "REMEMBER": "remember recall erinnere erinnerst erinnern entsinnst weißt weisst",
    "LAST": (
        "last letzte letzter letztes letzten letztem latest recent recently neueste neuesten jüngste jüngsten zuletzt"
    ),
    "PAST_TIME": (
        "previously earlier formerly früher damals zuvor vorher past vergangenheit historically bisher originally"
        " ursprünglich vorhin lately kürzlich neulich"
    ),
    "EVER": "already ever before bereits schon jemals schonmal yet je",
    "TIME": "time mal times",
    "HISTORY": "history historie geschichte background hintergrund backstory vorgeschichte werdegang entstehung",
    "EVENT": (
        "incident incidents outage outages vorfall vorfälle ausfall ausfälle störung störungen bug bugs failure"
        " failures fehler release releases deployment rollout hotfix rollback regression migration refactoring"
        " workaround experiment blocker blockers crash mistake mistakes"
    ),
    "WORK": (
        "work activity activities progress changes achievements accomplishments events arbeit arbeiten aktivität"
        " aktivitäten fortschritt fortschritte änderungen tätigkeiten ereignisse accomplishment updates news"
        " neuigkeiten neues new something things stuff timeline zeitleiste standing stand everything overview"
        " überblick übersicht summary zusammenfassung going los tasks aufgaben deliverables anything"
    ),
    "LEARNED": "learn learned learnt gelernt mitgenommen",
    "DECIDED": (
        "decided agreed chose chosen concluded settled opt opted pick picked approved rejected entschieden"
        " beschlossen vereinbart gewählt ausgewählt festgelegt abgelehnt genehmigt verworfen geeinigt abandoned"
        " ditched discarded postponed vertagt deferred prioritised prioritized priorisiert abgesegnet gefallen"
        " getroffen"
    ),
    "CHANGED": (
        "introduced removed renamed reverted replaced switched moved dropped disabled enabled migrated deprecated"
        " merged refactored rewritten redesigned restructured added deleted bumped upgraded downgraded pinned"
        " rolled released deployed shipped launched announced published fixed solved resolved repaired mitigated"
        " patched adopted cancelled canceled delayed extended shortened raised lowered increased reduced changed"
        " eingeführt entfernt umbenannt zurückgesetzt ersetzt umgestellt verschoben abgeschaltet deaktiviert"
        " aktiviert migriert geteilt zusammengeführt überarbeitet umgebaut hinzugefügt gelöscht erhöht gesenkt"
        " ausgerollt veröffentlicht behoben gelöst repariert geändert abgeschafft verlängert verkürzt aufgeteilt"
        " refaktoriert umgezogen ausgeliefert freigegeben zurückgerollt eingebaut ausgebaut rausgeworfen"
    ),
    "DONE": (
        "done worked discussed documented planned tested tried found noticed investigated handled dealt made"
        " reported finished completed started achieved reviewed evaluated measured analysed analyzed debugged"
        " encountered struggled gemacht getan gearbeitet besprochen dokumentiert geplant umgesetzt getestet"
        " ausprobiert versucht gefunden entdeckt bemerkt untersucht erledigt geschafft begonnen abgeschlossen"
        " diskutiert festgehalten notiert aufgeschrieben erreicht angefangen bearbeitet analysiert gemessen"
        " angelegt beigetragen contributed authored proposed suggested vorgeschlagen committed recorded logged"
        " argued got took ran kept left lost saw thought threw began brought gave met spoke fell lösten wählten"
        " machten änderten bauten lernten arbeiteten diskutierten schrieben fanden nutzten setzten bekommen"
        " hinbekommen gekriegt angegangen vorgenommen weg dachte meinte wollte fand hielt sprach sprachen"
    ),
    "MADE": (
        "built wrote written created implemented developed implementiert gebaut geschrieben erstellt entwickelt"
        " verfasst"
    ),
    "HAPPENED": (
        "happened occurred broke broken passiert passierte geschehen geschah vorgefallen schiefgelaufen"
        " schiefgegangen ausgefallen crashed gelaufen lief hakte went schiefging schieflief"
    ),
    "DOING": (
        "finish achieve accomplish deliver belong belongs belonged change solve resolve take taken tackle discuss"
        " plan ship handle gehören gehört tun arbeitete schaffen doing making writing working spend spent focus"
        " focused busy produce produced go goes decide agree choose conclude settle approve reject entscheiden"
        " wählen"
    ),
    "HAPPEN": "happen happens geschieht",
    "CAME": "came kam kamen followed folgte gefolgt succeeded preceded ging",
    "AFTER": "after following nach",
    "PRIOR": "vor preceding prior",
    "NEXT": "next subsequent nächste nächster nächstes nächsten nachfolgende nachfolgenden folgende folgenden",
    "PREVIOUS": (
        "previous vorherige vorheriges vorherigen voriges vorige vorigen vorangegangene vorangegangenen"
        " vorangehende vorhergehende"
    ),
    "CHAIN": (
        "chain chains kette ketten thread lineage breadcrumb breadcrumbs trail sequence abfolge reihenfolge reihe"
    ),
    "SUCCESSOR": (
        "successor successors predecessor predecessors follow-up follow-ups followup nachfolger vorgänger"
        " folgedokument vorgängerdokument nachfolgedokument folge-pdca anschlussdokument"
    ),
    "COMES": "comes come kommt follows follow folgt precedes leads lead result leading führt",
    "LED": "led führte führten geführt resulted entstand entstanden resultierte triggered ausgelöst",
    "AGO": "ago her",
    "TODAY": "today today's tonight heute heutige heutigen heutiger heutiges todays",
    "YESTERDAY": "yesterday yesterday's gestern gestrige gestrigen gestriger gestriges yesterdays",
    "BEFORE_YESTERDAY": "vorgestern vorgestrige vorgestrigen",
    "MORNING": "morning afternoon evening noon morgen vormittag nachmittag mittag abend früh night nacht",
    "DAY": "day days tage tagen tages",
    "WEEK": "week weeks week's woche wochen",
    "FORTNIGHT": "fortnight",
    "WEEKEND": "weekend wochenende wochenendes",
    "MONTH": "month months month's monat monate monaten monats",
    "YEAR": "year years year's jahr jahre jahren jahres",
    "CALENDAR_WEEK": "kw kalenderwoche cw",
    "COUPLE": "couple few paar several einigen",
    "EARLY": "early beginning start anfang beginn",
    "MID": "mid middle mitte",
    "LATE": "late end ende",
    "BACK": "vergangene vergangenen vergangener vergangenes",
    "RUN": (
        "run rerun re-run execute launch restart compile lint führe führ ausführen starte neustarten kompiliere"
        " kompilieren deploye laufen lass lasse kill stop stopp stoppe starten"
    ),
    "GIT": (
        "stash commit push stage checkout rebase cherry-pick clone unstage amend committe pushe klone klonen tag pull"
    ),
    "INSTALL": "install uninstall download installiere installieren deinstalliere",
    "SEARCH": "glob greppe",
    "WRITE": (
        "create write generate save store scaffold touch erstelle erstellen erzeuge erzeugen schreib schreibe"
        " schreiben speichere speichern lege anlegen implement draft baue bau implementiere entwirf design"
    ),
    "EDIT": (
        "edit modify update add insert append prepend delete remove rename move copy replace refactor apply patch"
        " put drop bump overwrite comment uncomment extract bearbeite bearbeiten ändere ändern aktualisiere"
        " aktualisieren füge lösche löschen entferne entfernen benenne umbenennen verschiebe verschieben kopiere"
        " kopieren ersetze ersetzen refaktoriere wende beheben korrigiere repariere hänge trage passe undo revert"
        " convert migrate einfügen hinzufügen correct clean cleanup fix repair rewrite split format redo set"
        " reformat tidy lösch räume behebe korrigier reparier erweitere sort merge initialize initialise init"
        " setup configure konfiguriere konfigurieren leg"
    ),
    "FILE": (
        "file files datei dateien folder folders ordner directory directories verzeichnis verzeichnisse"
        " verzeichnisses subfolder package.json filesystem dateisystem subdirectory"
    ),
    "CODEBASE": (
        "codebase code-base repo repository projekt project workspace worktree codebasis quellcode quelltext"
        " arbeitsbereich monorepo branch source-code src node_modules dist branches zweige"
    ),
    "USAGE": (
        "usages usage references reference occurrences occurrence callers caller importers todo todos fixme"
        " vorkommen verwendungen verwendung aufrufe aufrufer referenzen call-sites callsites unused exports"
        " exportierte importe import-statement imports"
    ),
    "DEFINED": "defined declared called used referenced definiert deklariert verwendet benutzt aufgerufen",
    "NAMED": "named namens titled",
    "CONTENT": "content contents inhalt inhalte",
    "TOOL": "tool tools werkzeug werkzeuge toolcall tool-call tool-calls toolcalls",
    "TOOL_NAME": (
        "read_file write_file write_to_file list_files list_dir list_directory execute_command run_command"
        " search_files apply_diff apply_patch grep_search file_search codebase_search run_terminal_cmd"
        " run_terminal_command edit_file create_file create_new_file replace_in_file delete_file view_diff"
        " str_replace read_currently_open_file search_replace attempt_completion ask_followup_question"
        " list_code_definition_names browser_action builtin_read_file run_in_terminal insert_edit_into_file"
        " semantic_search fetch_webpage replace_string_in_file"
    ),
    "PLACES": "places spots stellen lines zeilen place stelle",
    "SCREEN": "screenshot browser localhost",
    "VERSUS": "vs versus difference unterschied better besser",
    "EXIST": (
        "exist exists existiert liegt liegen passes pass passing green grün contain contains durchläuft klappt"
        " installed installiert"
    ),
    "SELF": "yourself",
    "NEW": "empty leere leeren leer",
    "CODE": (
        "function functions class classes method methods component algorithm interface regex regexp query program"
        " snippet decorator hook hooks enum generator struct module loop constructor endpoint type closure"
        " iterator singleton parser helper validator middleware one-liner mock stub fixture poem haiku essay email"
        " joke sentence paragraph funktion funktionen klasse klassen komponente schnittstelle algorithmus programm"
        " wrapper test-case testcase testfall einzeiler gedicht expression statement sql subquery view-model"
        " factory type-guard guard reducer"
    ),
    "THIS": "this that these those dieser diese dieses diesen diesem jener jene jenes",
    "DEFINITE": "the der die das den dem des",
    "WRONG": "wrong schief fine well badly",
    "AGENT_WORD": "agent agents agenten",
    "SHELL": (
        "npm npx yarn pnpm pip git docker pytest cargo make eslint tsc vitest jest prettier mypy ruff kubectl"
        " curl bash deno bun poetry mvn gradle playwright node python3"
    ),
    "LISTING": "ls pwd cd mkdir rm mv cp chmod cat grep rg ripgrep",
    "SUBCOMMAND": "ps status",
    "THING": (
        "tests test testsuite test-suite suite linter build server dev-server entwicklungsserver script formatter"
        " typechecker type-checker specs benchmark benchmarks migrations terminal shell console unittests"
        " unit-tests testsuiten skript konsole container containers app application anwendung pipeline coverage"
        " binary unittest port process processes prozess prozesse dependency dependencies abhängigkeit"
        " abhängigkeiten artefacts artifacts artefakte logfile logs config configuration konfiguration env"
        " environment docker-container venv lockfile backend frontend watcher version versions library package"
        " packages cache"
    ),
    "COMMAND": "command commands befehl kommando befehle",
    "GIT_THING": "pr pull-request commits commit-history working-copy diff diffs staged unstaged tree log",
    "DOCFILE": "readme changelog dockerfile makefile gitignore license lizenz",
    "CALLS": "import instantiate call instantiated imported extends implements extend inherit inherits",
    "ERROR": (
        "error errors exception warning warnings fails fail explained tutorial basics meaning cheatsheet failing"
        " fehl fehlschlagen failed"
    ),
    "STILL": "still noch running läuft kaputt available reachable",
    "DECIDING": (
        "decision decisions entscheidung entscheidungen beschluss beschlüsse lesson lessons learnings takeaway"
        " takeaways erkenntnis erkenntnisse lehren retrospective retrospektive discussion discussions diskussion"
        " diskussionen agreement agreements vereinbarung vereinbarungen outcome outcomes postmortem post-mortem"
        " findings verdict debate debatte beschlusslage"
    ),
    "REASON": (
        "reason reasons reasoning rationale grund gründe begründung conclusion conclusions ergebnis ergebnisse"
        " learning insight insights conversation lehre finding resolution motivation cause causes ursache ursachen"
        " argument arguments argumente story solution lösung idea idee approach ansatz vorgehen trade-off"
        " trade-offs tradeoffs compromise kompromiss consequences folgen attempt attempts experience experiences"
        " choice choices erfahrung erfahrungen versuch versuche stance position"
    ),
    "GAVE": "gab gabs",
    "CONTINUE": (
        "continue continued continues continuation weiter weiterging weitergegangen fortsetzung fortgesetzt"
        " triggers auslöser origin origins ursprung builds based basiert aufbauend aufgebaut"
    ),
    "FILLER": (
        "many much most more highlights highlight main key important big whole entire full complete report"
        " reports quick short brief detail details other others people person one ones kind way really actually"
        " exactly own together ganze ganzen ganzer wichtigste wichtigsten kurz genau eigentlich denn da hier here"
        " wirklich viel viele vielen alles etwas agenda topics topic thema themen looked gone einzelnen rest far"
        " sich wieder schließlich damit dabei dazu davon daran insgesamt total overall exact review roundup"
        " involved size größe current aktuelle aktuellen aktueller only nur right"
    ),
    "REQUEST": "request requests",
    "CODETEXT": "code sources quellen",
    "PROBLEM": "problem problems issue issues probleme trouble schwierigkeiten",
    "EVERYWHERE": "everywhere anywhere überall throughout",
    "ABOVE": "above below oben unten obigen obige obigem",
    "RECAP": "recap recapitulate rekapituliere resümiere recount",
    "TECH": (
        "python java javascript typescript kotlin rust golang nodejs react angular vue linux unix windows macos"
        " android iphone ios ecmascript es2015 es6 es5 es2016 es2017 es2018 es2019 es2020 es2021 es2022 es2023"
        " es2024 html css http tcp unicode php ruby perl swift scala haskell fortran cobol lisp django flask rails"
        " laravel spring numpy pandas tensorflow pytorch ubuntu debian postgres mysql mongodb redis kubernetes"
        " jquery webpack babel svelte nextjs xhtml flash soap corba silverlight ie kafka spark hadoop excel chrome"
        " firefox safari"
    ),
    "NATION": (
        "google microsoft apple amazon meta openai facebook netscape mozilla french roman romans german germany"
        " france england britain american america usa europe european china russia soviet greek egypt wars"
        " revolution empire king queen president century jahrhundert krieg könig kaiser römer mauer internet"
        " mankind universe earth moon mond erde world welt rome berlin london paris euro titanic olympics olympic"
        " ecma ietf w3c nasa apollo shakespeare newton einstein bitcoin nasdaq telephone telefon erfindung"
        " pyramids pyramiden invented discovered born died founded invention erfunden gegründet geboren"
    ),
    "ANYMORE": "longer anymore mehr",
    "KNOW": "know knows weiß wissen wissens known",
    "AGAIN": "again nochmal nochmals",
}
"""Class -> its words in lower case, parted by blanks. No word is in two classes."""

GERMAN = (
    "der die das und ist wir haben hat nicht ein eine den dem wie ich mir bitte zum zur von mit für über im wurde wer"
    " warum wann welche welcher welches heute gestern letzte nach vor gemacht passiert wo uns"
)
ENGLISH = "the is we did of and to what how why when who which our it that this with for show me you"
"""Words that tell the language of a text, by their number."""
AFTER_ENGLISH_WAS = "the it there that this a an my your our i he she they anything anyone any"
"""A text that begins with `was` is German before other words than these."""
ROLE_WORDS = "agent developer master writer tester engineer analyst architect manager owner specialist lead team"
"""Second words of names that are no surnames: in such a name the first word is no first name."""
