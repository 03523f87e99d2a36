-- Within finish(): nothing stays of these jobs.
endings().erase(keys, run.n)
