"""Pure statistics: what is counted, and when a difference is one."""
