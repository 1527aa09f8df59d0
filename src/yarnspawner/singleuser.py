"""`python -m yarnspawner.singleuser`: a user's server in its container."""

from yarnhub.integrations.jupyterhub.singleuser import main

if __name__ == "__main__":
    main()
