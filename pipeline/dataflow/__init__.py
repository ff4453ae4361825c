"""What only Google Cloud Dataflow needs: checks before a launch, the job built offline, the Flex Template.

Nothing here runs on a worker, and the job's transforms know nothing of it.
"""
