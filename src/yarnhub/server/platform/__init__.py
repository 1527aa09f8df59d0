"""The platform's service: what runs on the cluster, for the users of a hub, as an API.

What all users can see comes from one watch of the ResourceManager. Details and actions are
requested from YARN as the user who asks, so that YARN's own permissions decide.
"""
