"""The commands of `minirelay`, one file each. Nothing else parses arguments or reads the environment."""
