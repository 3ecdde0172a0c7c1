import sys

from sandbox.chaos.run import main

sys.exit(main())
