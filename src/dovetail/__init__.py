"""Join business systems and keep them joined: one declaration, from analysis to two-way synchronisation."""
