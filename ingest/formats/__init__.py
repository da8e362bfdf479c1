"""Small readers: every format that is no PDF becomes a PDF rendition, so that it has pages.

They run inside a guest only. Text formats are first turned into a short list of blocks
(``blocks``), which ``typeset`` lays out; images become page-filling pictures. What the lines of
the rendition are is found by the PDF reader, which knows nothing of these formats.
"""
