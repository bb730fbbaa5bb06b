"""What is shown: tables, claims, figures, sentences, and the audit of recorded answers."""
