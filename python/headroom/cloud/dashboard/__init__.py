"""The pages at /dashboard: what was saved, where, whether anything was lost, and who may do what.

Pages are made on the server from the functions behind `/v1/stats`, so their figures are the API's. What a page
shows is a list of `Sheet`s: one table, which is shown, drawn as a chart and exported. Scripts draw and sort; without
them everything can still be read and done. Nothing is loaded from elsewhere. Never content.
"""
