"""What went wrong, for whom, since when, and that it is over: events become incidents, and incidents become messages."""
