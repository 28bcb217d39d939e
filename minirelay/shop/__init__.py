"""What a shop is: object types, its state, patch rules, access. Pure: no await, clock, randomness or I/O."""
