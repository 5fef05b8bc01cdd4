"""What multiplies matrices for PyTorch: it decides the speed, and Debian's PyTorch runs with whatever is installed."""

import re

import torch


def matrix_library():
    if torch.backends.mkl.is_available():
        return "MKL"
    try:
        with open("/proc/self/maps") as maps:
            mapped = maps.read()
    except OSError:
        mapped = ""
    # Debian's libblas.so is whichever library stands in for it, in a folder of that library's name.
    library = re.search(r"\S*/libblas\.so", mapped) or re.search(r"\S*/lib(openblas|blis)\S*", mapped)
    if library is None:
        return re.search(r"BLAS_INFO=(\w*)|$", torch.__config__.show()).group(1) or "unknown BLAS"
    for name, part in {"OpenBLAS": "openblas", "BLIS": "blis", "reference BLAS": "/blas/"}.items():
        if part in library.group():
            return name
    return library.group()
