def test_three_numbers(cli):
    result = cli("4\n5\n6\n")
    assert result.stdout.strip() == "15"
    assert result.returncode == 0


def test_nothing(cli):
    assert cli("").stdout.strip() == "0"


def test_many(cli):
    assert cli("3\n" * 20000).stdout.strip() == "60000"
