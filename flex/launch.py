"""What the launcher of the Flex Template runs: the job's own command line, under the name of a file."""

from __future__ import annotations

from pipeline.main import main

if __name__ == "__main__":
    main()
