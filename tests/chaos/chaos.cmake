# Stories in which processes die and clocks lie.
include(chaos/module.cmake)
hsmgate_scenario(chaos clocks)
hsmgate_scenario(chaos kill_matrix)
set_tests_properties(chaos.kill_matrix PROPERTIES TIMEOUT 1200) # 200 restarts and more
hsmgate_scenario(chaos break_glass_kills)
set_tests_properties(chaos.break_glass_kills PROPERTIES TIMEOUT 1200) # 100 restarts and more
hsmgate_scenario(chaos sessions_lost threads)
hsmgate_scenario(chaos database threads)
hsmgate_scenario(chaos full_disk threads)
hsmgate_scenario(chaos descriptors threads)
