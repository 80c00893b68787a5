"""From settings to a running system: the only folder that names implementations.

chosen     the parts that the settings choose      night, day, alone   what the flows are made of
runtime    a home that is open
"""

from web4_agent.bootstrap.chosen import utc_now as utc_now
from web4_agent.bootstrap.runtime import Runtime as Runtime
from web4_agent.bootstrap.runtime import found_home as found_home
from web4_agent.bootstrap.runtime import home_folder as home_folder
from web4_agent.bootstrap.runtime import installation as installation
from web4_agent.bootstrap.runtime import open_home as open_home
from web4_agent.bootstrap.runtime import open_unchecked as open_unchecked
