#!/bin/sh
# An object store for the tests: s3fs, then moto with the boto3 that fits. Asked for together, the two let pip go back
# through every release of boto3 until one suits both.
python=$1
install="$python -m pip install --quiet --disable-pip-version-check"
if $install "s3fs>=2024.1"; then
    botocore=$($python -c "import botocore; print(botocore.__version__)")
    $install "boto3==$botocore" "moto[s3]>=5" "flask>=3" "flask-cors>=4" && exit 0
fi
echo "interop: s3fs and moto could not be installed; the checks with an object store are skipped" >&2
