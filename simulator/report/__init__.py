"""What a run showed: phases, times, verdict. Pure; both worlds use it."""
