"""Uploads from HTML forms: the form, the policy that a page was given for it, and the file that streams out of it.

fields   a form as it arrives: small fields first, then the file
policy   what the page's owner allows, and that it was he who said so
file     the bytes of the file, verified at their end
"""
