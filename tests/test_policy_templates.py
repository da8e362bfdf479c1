"""The templates for administrators name every setting, and only what the program takes."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.core import policy_place
from app.core.policy import changed_settings
from app.core.policy_settings import SETTINGS, Policy, Setting, policy_of

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "installer" / "policy" / "policy.toml"
ADMX = ROOT / "installer" / "windows" / "Muniment.admx"
ADML = ROOT / "installer" / "windows" / "en-US" / "Muniment.adml"
SPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"
KEY = r"Software\Policies\Muniment"


def read(text: str) -> Policy:
    return policy_of(policy_place.parsed(text.encode(), "the template"), "the template")


def test_the_template_changes_nothing_as_it_comes() -> None:
    assert changed_settings(read(TEMPLATE.read_text("utf-8"))) == {}


def test_every_setting_of_the_template_can_be_set() -> None:
    text = TEMPLATE.read_text("utf-8")
    whole = re.sub(r"^#(?=\w+ = )", "", text, flags=re.MULTILINE)
    values = policy_place.parsed(whole.encode(), "the template")
    assert list(values) == [setting.name for setting in SETTINGS]
    policy_of(values, "the template")


def test_the_page_for_administrators_names_every_setting() -> None:
    page = (ROOT / "docs" / "policy.md").read_text("utf-8")
    for setting in SETTINGS:
        assert f"`{setting.name}`" in page, setting.name


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_the_windows_template_has_the_setting(setting: Setting) -> None:
    policies = {p.get("name"): p for p in ElementTree.parse(ADMX).iter(f"{SPACE}policy")}
    policy = policies[setting.registry]
    assert policy.get("class") == "Machine", "not one that a user could set"
    assert policy.get("key") == KEY == policy_place.REGISTRY_KEY
    if isinstance(setting.default, bool):
        assert policy.get("valueName") == setting.registry
        for name, value in (("enabledValue", "1"), ("disabledValue", "0")):
            decimal = policy.find(f"{SPACE}{name}/{SPACE}decimal")
            assert decimal is not None and decimal.get("value") == value
        return
    (element,) = policy.find(f"{SPACE}elements") or []
    kind = element.tag.removeprefix(SPACE)
    if kind == "list":
        assert element.get("key") == rf"{KEY}\{setting.registry}"
        return
    assert element.get("valueName") == setting.registry
    if kind == "decimal":
        for bound in ("minValue", "maxValue"):
            assert setting.read(int(element.get(bound, ""))) is not None
        for outside in (int(element.get("minValue", "")) - 1, int(element.get("maxValue", "")) + 1):
            with pytest.raises(ValueError, match="whole number"):
                setting.read(outside)
    if kind == "enum":
        for text in element.iter(f"{SPACE}string"):
            setting.read(text.text)


def test_the_windows_templates_fit_each_other() -> None:
    admx, adml = ADMX.read_text("utf-8"), ElementTree.parse(ADML)
    assert len(re.findall(r"<policy ", admx)) == len(SETTINGS)
    strings = {s.get("id") for s in adml.iter(f"{SPACE}string")}
    assert set(re.findall(r"\$\(string\.(\w+)\)", admx)) == strings
    shown = {p.get("id") for p in adml.iter(f"{SPACE}presentation")}
    assert set(re.findall(r"\$\(presentation\.(\w+)\)", admx)) == shown
    for presentation in adml.iter(f"{SPACE}presentation"):
        assert [part.get("refId") for part in presentation] == [presentation.get("id")]
