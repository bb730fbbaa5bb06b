"""How sure: exact bounds, bets on groups, simultaneous intervals, the kernel test."""
