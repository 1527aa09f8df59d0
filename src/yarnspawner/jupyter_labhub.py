"""`python -m yarnspawner.jupyter_labhub`: the same as `yarnspawner.singleuser`."""

from yarnhub.integrations.jupyterhub.singleuser import main

if __name__ == "__main__":
    main()
