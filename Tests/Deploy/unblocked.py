"""Runs a program with no signal blocked: unblocked.py PROGRAM [ARGUMENTS]. What a test runner blocks, its children inherit."""

import os
import signal
import sys

signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.execvp(sys.argv[1], sys.argv[1:])
