"""The running relay: sessions, one sequencer per shop, feeds, enrolment."""
