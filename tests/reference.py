"""The plain float64 versions of the kernels, written to be read: what the fast code is judged by.

Each function has the name of the kernel it stands for.
"""
