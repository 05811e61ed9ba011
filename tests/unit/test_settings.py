import os
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from worker.cli import main
from worker.masking import shown
from worker.options import options
from worker.settings import ModelSettings, Settings


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TAGSTREAM_"):
            monkeypatch.delenv(name)


@click.command()
@options(Settings)
def show(**values: Any) -> None:  # noqa: ANN401
    click.echo(msgspec.json.encode(Settings(**values)))


def invoke(*flags: str, **environment: str) -> Result:
    return CliRunner().invoke(show, flags, env=environment)


def settings(*flags: str, **environment: str) -> Settings:
    result = invoke(*flags, **environment)
    assert result.exit_code == 0, result.output
    return msgspec.json.decode(result.output, type=Settings)


def file(folder: Path, text: str) -> str:
    path = folder / "worker.toml"
    path.write_text(text)
    return str(path)


class TestWhereSettingsComeFrom:
    def test_defaults(self) -> None:
        assert settings() == Settings()

    def test_a_file_goes_before_defaults(self, tmp_path: Path) -> None:
        config = file(tmp_path, 'group = "file"\ntop = 7\nexplain = true\ncache_timeout = 0.5\n')
        expected = Settings(group="file", top=7, explain=True, cache_timeout=0.5)
        assert settings("--config", config) == expected
        assert settings(TAGSTREAM_CONFIG=config) == expected

    def test_the_environment_goes_before_a_file(self, tmp_path: Path) -> None:
        config = file(tmp_path, 'group = "file"\ntop = 7\nexplain = true')
        found = settings(
            "--config", config, TAGSTREAM_GROUP="environment", TAGSTREAM_EXPLAIN="false"
        )
        assert found == Settings(group="environment", top=7)

    def test_a_flag_goes_before_all(self, tmp_path: Path) -> None:
        config = file(tmp_path, 'group = "file"\nexplain = true')
        flags = ("--config", config, "--group", "flag", "--no-explain")
        found = settings(*flags, TAGSTREAM_GROUP="environment", TAGSTREAM_EXPLAIN="true")
        assert found == Settings(group="flag")

    @pytest.mark.parametrize("field", msgspec.structs.fields(Settings), ids=lambda f: f.name)
    def test_each_has_its_variable(self, field: Any) -> None:  # noqa: ANN401
        chosen = {
            "start": "latest",
            "reject_limit": "off",
            "log_format": "json",
            "log_level": "debug",
            "client": "confluent-kafka",
            "delivery": "exactly-once",
            "profile": "throughput",
            "format": "x-v2",
            "reject_ratio": "0.5",
            "min_score": "0.5",
            "traces": "on",
            "memory": "off",
            "memory_share": "0.5",
            "challenger_share": "0.5",
            "accepted_votes": "count",
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
        }
        usual = {bool: "true", int: "3", float: "3.5"}.get(type(field.default), "text")
        value = chosen.get(field.name, usual)
        found = settings(**{f"TAGSTREAM_{field.name.upper()}": value})
        assert getattr(found, field.name) != field.default
        assert str(getattr(found, field.name)).lower() == value.lower()


class TestWhatIsRefused:
    def test_a_key_that_is_no_setting(self, tmp_path: Path) -> None:
        result = invoke("--config", file(tmp_path, 'grup = "file"\nzeal = 1\ntop = 3'))
        assert result.exit_code == 2
        assert "sets grup, zeal, which no setting is named" in result.output

    def test_a_list_where_one_value_is_meant(self, tmp_path: Path) -> None:
        result = invoke("--config", file(tmp_path, 'languages = ["en", "de"]'))
        assert result.exit_code == 2
        assert "languages is one value" in result.output

    @pytest.mark.parametrize("text", ["top = ", "\x00"])
    def test_a_file_that_is_no_toml(self, tmp_path: Path, text: str) -> None:
        result = invoke("--config", file(tmp_path, text))
        assert result.exit_code == 2
        assert "is not TOML" in result.output

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"top = '\xff'")
        result = invoke("--config", str(tmp_path / "binary"))
        assert result.exit_code == 2
        assert "is not TOML" in result.output

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        assert invoke("--config", str(tmp_path / "none")).exit_code == 2

    @pytest.mark.parametrize(
        ("flag", "value"),
        [
            ("--top", "0"),
            ("--top", "51"),
            ("--top", "many"),
            ("--threads", "0"),
            ("--partitions", "0"),
            ("--max-batch-size", "0"),
            ("--max-batch-time", "0"),
            ("--max-post-bytes", "0"),
            ("--reject-ratio", "1.1"),
            ("--reject-ratio", "-0.1"),
            ("--reject-run", "-1"),
            ("--cache-ttl", "0"),
            ("--cache-timeout", "0"),
            ("--startup-timeout", "-1"),
            ("--session-timeout", "0.5"),
            ("--http-port", "-1"),
            ("--start", "middle"),
            ("--log-format", "xml"),
        ],
    )
    def test_values_out_of_bounds(self, tmp_path: Path, flag: str, value: str) -> None:
        name = flag[2:].replace("-", "_")
        quoted = value if value.replace(".", "").replace("-", "").isdecimal() else f'"{value}"'
        config = file(tmp_path, f"{name} = {quoted}")
        for result in (
            invoke(flag, value),
            invoke("--config", config),
            invoke(**{f"TAGSTREAM_{name.upper()}": value}),
        ):
            assert result.exit_code == 2
            assert flag in result.output


class TestHelp:
    @pytest.mark.parametrize("command", ["run", "doctor", "suggest"])
    def test_every_option_has_its_words(self, command: str) -> None:
        found = main.commands[command]
        for option in (p for p in found.params if isinstance(p, click.Option) and not p.hidden):
            assert option.help, option.name

    def test_every_setting_shows_its_flag_variable_and_default(self) -> None:
        text = " ".join(CliRunner().invoke(main, ["run", "--help"]).output.split())
        for field in msgspec.structs.fields(Settings):
            assert f"--{field.name.replace('_', '-')}" in text
            assert f"TAGSTREAM_{field.name.upper()}" in text
        assert "default: 127.0.0.1:9092" in text

    def test_suggest_takes_the_settings_of_the_model_only(self) -> None:
        names = {parameter.name for parameter in main.commands["suggest"].params}
        assert names >= {field.name for field in msgspec.structs.fields(ModelSettings)}
        assert "bootstrap_servers" not in names


class TestShowing:
    @pytest.mark.parametrize(
        ("cache", "seen"),
        [
            ("redis://:pass@host:1/0", "redis://:***@host:1/0"),
            ("rediss://me:p%40ss@[::1]:2/0", "rediss://me:***@[::1]:2/0"),
            ("unix://me:pass@/run/redis.sock", "unix://me:***@/run/redis.sock"),
            ("redis://host/0?db=1&password=pass", "redis://host/0?db=1&password=***"),
            ("redis://host:1/0", "redis://host:1/0"),
            ("redis://[pass", "*** (no URL)"),
            ("redis://me:pa#ss@host", "*** (no URL)"),
            ("redis://me:pa/ss@host", "*** (no URL)"),
            ("none", "none"),
        ],
    )
    def test_a_password_is_masked(self, cache: str, seen: str) -> None:
        assert shown(Settings(cache=cache))["cache"] == seen

    def test_every_setting_is_shown(self) -> None:
        values = shown(Settings(top=9))
        assert list(values) == [field.name for field in msgspec.structs.fields(Settings)]
        assert (values["top"], values["group"]) == ("9", "tagstream-worker")

    def test_the_dead_letter_topic_follows_the_input_topic(self) -> None:
        assert Settings(input_topic="posts").dead_letters == "posts.dead-letter"
        assert Settings(input_topic="posts", dead_letter_topic="dead").dead_letters == "dead"

    def test_a_secret_is_never_shown(self) -> None:
        secrets = {"memory_key", "ssl_key_password", "sasl_password"}
        values = shown(msgspec.convert(dict.fromkeys(secrets, "of ours"), Settings))
        assert {name for name, value in values.items() if value == "***"} == secrets
        assert "of ours" not in str(values)
