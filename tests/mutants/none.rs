// No tests: the default of `PASETO_ACTIX_MUTANTS`.
