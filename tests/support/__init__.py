"""Private instances of Postfix, Dovecot and Postern: shared by the end-to-end tests, the benches and the demo."""
