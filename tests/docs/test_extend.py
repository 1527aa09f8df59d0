"""What the page for developers names is in the files that it names."""

from __future__ import annotations

import pytest

from docs.blocks import PROJECT

PAGE = (PROJECT / "docs" / "howto" / "extend.md").read_text("utf-8")
NAMES = (
    ("src/yarnhub/control/messages/application.py", "class SetProgress("),
    ("src/yarnhub/control/messages/__init__.py", "        SetProgress,"),
    ("src/yarnhub/appmaster/core/application.py", "            SetProgress: "),
    ("src/yarnhub/appmaster/core/application.py", "def _answers("),
    ("src/yarnhub/client/application/requests.py", "messages.SetProgress("),
    ("tests/appmaster/core/test_requests.py", '    "SetProgress": '),
    ("src/yarnhub/sessions/unmanaged_holder.py", "BUDGETS = Budgets("),
    (
        "src/yarnhub/yarn/records/resource_manager.py",
        "class MoveApplicationAcrossQueuesRequest:",
    ),
    ("src/yarnhub/yarn/resource_manager.py", '"moveApplicationAcrossQueues"'),
    ("src/yarnhub/integrations/jupyterhub/traits.py", "    grace_period = "),
    ("src/yarnhub/integrations/jupyterhub/offer.py", "OVERRIDABLE = "),
    ("src/yarnhub/sessions/request.py", "    grace_period: "),
    ("src/yarnhub/integrations/doctor/finding.py", "def not_checked("),
    ("src/yarnhub/integrations/doctor/queue.py", "def judge("),
    ("src/yarnhub/integrations/doctor/checks.py", "CHECKS = ("),
)


@pytest.mark.parametrize(("file", "text"), NAMES)
def test_a_step_is_where_the_page_has_it(file: str, text: str) -> None:
    assert f"`{file}`" in PAGE
    assert text in (PROJECT / file).read_text("utf-8")
