"""Small readers: every format that is no PDF becomes a PDF rendition, so that it has pages.

They run inside a guest only. Text formats are first turned into a short list of blocks
(``blocks``), which ``typeset`` lays out and whose lines it therefore knows; images become
page-filling pictures, whose text is still to be read.
"""
