# scripts/soak runs it for as long as one likes; here, that it works.
hsmgate_scenario(soak smoke)
