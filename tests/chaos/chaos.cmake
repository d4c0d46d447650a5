# Stories in which processes die and clocks lie.
include(chaos/module.cmake)
hsmgate_scenario(chaos clocks)
hsmgate_scenario(chaos kill_matrix)
set_tests_properties(chaos.kill_matrix PROPERTIES TIMEOUT 1200) # 200 restarts and more
hsmgate_scenario(chaos break_glass_kills)
set_tests_properties(chaos.break_glass_kills PROPERTIES TIMEOUT 1200) # 100 restarts and more
hsmgate_scenario(chaos sessions_lost)
hsmgate_scenario(chaos database threads)
hsmgate_scenario(chaos full_disk threads)
hsmgate_scenario(chaos descriptors threads)
hsmgate_scenario(chaos device_removed)
hsmgate_scenario(chaos slow_and_hung)
hsmgate_scenario(chaos key_swapped)
hsmgate_scenario(chaos pin_refused)
hsmgate_scenario(chaos worker_crashes)
hsmgate_scenario(chaos session_limit)
hsmgate_scenario(chaos tampered threads)
hsmgate_scenario(chaos hangups threads)
hsmgate_scenario(chaos ending threads)
hsmgate_scenario(chaos lying_module threads)

hsmgate_long(200 chaos.kill_matrix chaos.break_glass_kills)
