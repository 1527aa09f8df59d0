"""The applications of a cluster, watched for all users at once, and what each user can see."""
