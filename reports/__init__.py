"""Published tables as data; tables, figures and the HTML report. Gets a DataFrame; imports nothing else of ours."""
