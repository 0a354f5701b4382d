"""Plug-ins of ours for programs of others: gunicorn, celery, pytest and more, a module for each, named as it is.

Only a program that asks for a plug-in imports it. Each module imports its own library only.
"""
