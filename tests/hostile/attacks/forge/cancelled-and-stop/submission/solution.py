import asyncio
import itertools

KINDS = itertools.cycle([
    asyncio.CancelledError, StopIteration, StopAsyncIteration, GeneratorExit, RecursionError, MemoryError,
    SystemExit, KeyboardInterrupt, AssertionError, Warning, BrokenPipeError, EOFError,
])

def median(values):
    raise next(KINDS)
