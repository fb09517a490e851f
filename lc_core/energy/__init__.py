"""The energy that engines descend: critics, realism, rules through the decoder, and what is preserved."""
