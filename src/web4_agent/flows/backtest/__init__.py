"""The backtest: a past journal lived through again, night by night, once for each recipe, and what each one kept."""

from web4_agent.flows.backtest.parts import BacktestParts as BacktestParts
from web4_agent.flows.backtest.parts import BacktestReport as BacktestReport
from web4_agent.flows.backtest.parts import BacktestRequest as BacktestRequest
from web4_agent.flows.backtest.parts import Caps as Caps
from web4_agent.flows.backtest.story import backtest as backtest
