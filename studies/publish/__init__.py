"""Results as data: tables of pages are made from tidy results, and numbers in prose are looked up in them.

data     CSV files of studies/results, and one-line questions to them
form     how numbers are written, and whether a written number is a value
tables   every table of README and docs, by name
pages    what stands between the marks of a page, what its sentences quote, and what cannot be traced
quoted   (TOML) every number in a sentence, with the question that it answers
"""
