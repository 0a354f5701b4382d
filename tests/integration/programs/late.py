"""Runs another program, whose libraries it imports before the patch: ``late engine server program words...``."""

import importlib
import runpy
import sys

from celadon import patch_all

LIBRARIES = {
    "web_requests": ("requests", "urllib3"),
    "web_httpx": ("httpx",),
    "names_dnspython": ("dns.resolver", "dns.query"),
    "postgres_psycopg3": ("psycopg",),
    "postgres_psycopg2": ("psycopg2", "psycopg2.extras", "psycopg2.pool"),
    "postgres_pg8000": ("pg8000.dbapi",),
    "mariadb_pymysql": ("pymysql", "pymysql.cursors"),
    "redis_py": ("redis",),
    "aws_boto3": ("boto3", "boto3.s3.transfer", "botocore.config"),
    "ssh_paramiko": ("paramiko",),
    "mail_smtplib": ("smtplib", "aiosmtpd.controller"),
    "files_ftplib": ("ftplib", "pyftpdlib.servers", "pyftpdlib.handlers"),
}

engine, server, program, *words = sys.argv[1:]
for name in LIBRARIES[program]:
    importlib.import_module(name)
patch_all(engine, servers=[server])
sys.argv[1:] = words
runpy.run_module(f"{__package__}.{program}", run_name="__main__", alter_sys=True)
