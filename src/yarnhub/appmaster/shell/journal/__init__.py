"""The journal: changes of an application are recorded before their actions are executed."""
