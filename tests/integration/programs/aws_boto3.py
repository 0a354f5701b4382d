"""boto3 over TLS: a client for all threads, large uploads in parts over its own thread pool."""

import io
import os

import boto3
import botocore.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from . import MANY, arguments, at_once, raised

given = arguments()
os.environ.update(AWS_ACCESS_KEY_ID="key", AWS_SECRET_ACCESS_KEY="secret", AWS_EC2_METADATA_DISABLED="true")
settings = Config(s3={"addressing_style": "path"}, max_pool_connections=MANY, retries={"max_attempts": 1})
session = boto3.session.Session(region_name="eu-central-1")
s3 = session.client("s3", endpoint_url=f"https://s3.test:{given['https']}", verify=given["ca"], config=settings)


def through(n):
    s3.put_object(Bucket="shelf", Key=f"slow/{n}", Body=f"book {n}".encode())
    return s3.get_object(Bucket="shelf", Key=f"slow/{n}")["Body"].read()


assert at_once(through) == [f"book {n}".encode() for n in range(MANY)]

big = os.urandom(12 << 20)
config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
s3.upload_fileobj(io.BytesIO(big), "shelf", "big", Config=config)
back = io.BytesIO()
s3.download_fileobj("shelf", "big", back, Config=config)
assert back.getvalue() == big
raised(s3.exceptions.NoSuchKey, s3.get_object, Bucket="shelf", Key="not there")
lost = session.client("s3", endpoint_url="https://nowhere.test:1", config=settings)
raised(botocore.exceptions.EndpointConnectionError, lost.get_object, Bucket="shelf", Key="x")
