"""The records that every part of Retable shares: cells, scores, results and the journal, declared once."""
