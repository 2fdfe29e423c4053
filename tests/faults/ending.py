"""A training that ends in the way `ENDING` names, after it has measured something.

Of several names, each trial takes its own.
"""

import os
import signal
import time

import tuitrain

run = tuitrain.init(config={"lr": 1e-3, "weight_decay": 0.0})
endings = os.environ["ENDING"].split(",")
ending = endings[int(run.folder.name) - 1]
for _ in range(20):
    run.log({"loss": 1.0})
    time.sleep(0.01)
run._session.recorder.flush()
match ending:
    case "status 0":
        run.finish()
    case "status 7":
        os._exit(7)
    case "SIGSEGV":
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    case "memory":
        held = []
        while True:
            held.append(b"x" * (64 << 20))
    case _:
        # To be killed from outside.
        time.sleep(600)
