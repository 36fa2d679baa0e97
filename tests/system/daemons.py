#!/usr/bin/env python3
"""Agent and broker as processes: they come up, lose each other, find each other, and end when they are told to."""
import signal
import time

import harness
from harness import check


def agent_comes_up_and_both_end_when_told():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start().wait("BROKER-START name=mr1")
        agent.start().wait("AGENT-START name=here")
        agent.wait("AGENT-UPLINK-UP broker=mr1")
        broker.wait("BROKER-SESSION-UP .*here")
        begun = time.monotonic()
        check(agent.stop() == 0, "the agent's exit status on SIGTERM")
        check(time.monotonic() - begun < 3, "the agent ends within its 2 s")
        check(not plant.socket("here").exists(), "the socket is removed")
        broker.wait("BROKER-SESSION-DOWN .*here closed")
        check(broker.stop() == 0, "the broker's exit status on SIGTERM")
        check(broker.has_logged("BROKER-STOP"), "the broker says that it stopped")


def broker_that_stops_says_goodbye():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        check(broker.stop() == 0, "the broker's exit status with a session")
        agent.wait("AGENT-UPLINK-LOST broker=mr1 reason=.*the broker stops")
        check(agent.is_running(), "the agent goes on")


def killed_broker_has_its_agent_back_within_3_s():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        broker.kill()
        agent.wait("AGENT-UPLINK-LOST")
        check(agent.is_running(), "the agent lives without its broker")
        broker.start().wait("BROKER-START")
        agent.wait("AGENT-UPLINK-UP", seconds=3)


def broker_that_does_not_answer_is_left():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        broker.signal(signal.SIGSTOP)
        agent.wait("AGENT-UPLINK-LOST", seconds=6)
        broker.signal(signal.SIGCONT)
        agent.wait("AGENT-UPLINK-UP", seconds=10)


def agent_before_its_broker_waits():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        agent.start().wait("AGENT-UPLINK-FAILED broker=mr1")
        broker.start()
        agent.wait("AGENT-UPLINK-UP")


def killed_agent_comes_back_with_a_higher_birth():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start()
        first = int(agent.wait(r"AGENT-START .*births=(\d+)")[1])
        agent.wait("AGENT-UPLINK-UP")
        agent.kill()
        agent.start()
        second = int(agent.wait(r"AGENT-START .*births=(\d+)")[1])
        check(second == first + 1, f"births {first}, then {second}")
        agent.wait("AGENT-UPLINK-UP", seconds=5)


def agent_with_an_older_data_folder_is_born_again_above():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        identity = plant.folder / "here-data/identity"
        broker.start()
        for _ in range(3):
            agent.start()
            known = int(agent.wait(r"AGENT-START .*births=(\d+)")[1])
            agent.wait("AGENT-UPLINK-UP")
            check(agent.stop() == 0, "exit status")
        identity.write_text("millrace-identity v1\nbirths 1\npath demo/here\n", encoding="utf-8")
        agent.start().wait(f"AGENT-REBORN births={known + 1}")
        agent.wait("AGENT-UPLINK-UP")
        check(f"births {known + 1}\n" in identity.read_text(encoding="utf-8"), "the new count is on the disk")


def damaged_identity_does_not_stop_the_agent():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        (plant.folder / "here-data").mkdir()
        (plant.folder / "here-data/identity").write_bytes(b"\0\xff nonsense")
        broker.start()
        agent.start().wait("AGENT-IDENTITY-NOT-SAVED .*is damaged")
        agent.wait("AGENT-UPLINK-UP")


def unknown_key_is_refused_retried_slowly_and_admitted_after_a_reload():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here", admitted=False), plant.broker()
        public = (plant.folder / "here.key").read_text(encoding="utf-8").split("public ")[1].split()[0]
        broker.start()
        agent.start()
        retry_ms = int(agent.wait(r"AGENT-UPLINK-REFUSED .*retry_ms=(\d+)")[1])
        check(15000 <= retry_ms <= 60000, f"retried after {retry_ms} ms")
        broker.wait("BROKER-KEY-REFUSED key=[a-z2-7]{16} address=127.0.0.1")
        plant.admit("here", "machine", "demo/here", public)
        broker.signal(signal.SIGHUP)
        broker.wait("BROKER-RELOAD identities=1")
        agent.stop()
        agent.start().wait("AGENT-UPLINK-UP")


def removed_identity_is_cut_off_at_once():
    with harness.Plant() as plant:
        agent, other, broker = plant.agent("here", "demo/here"), plant.agent("there", "demo/there"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        other.start().wait("AGENT-UPLINK-UP")
        plant.forget("here")
        broker.signal(signal.SIGHUP)
        broker.wait("BROKER-REVOKED peer=machine/here#")
        agent.wait("AGENT-UPLINK-LOST .*not in the registry", seconds=2)
        check(agent.is_running(), "the agent goes on for its apps")
        broker.wait("BROKER-SESSION-DOWN .*here")
        check(not other.has_logged("AGENT-UPLINK-LOST"), "the other agent is not concerned")


def wrong_registry_keeps_the_old_one():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        plant.write("registry.yaml", "identities:\n  - {nome: here}\n")
        broker.signal(signal.SIGHUP)
        broker.wait("BROKER-RELOAD-FAILED .*registry.yaml:2: unknown key 'nome'; did you mean 'name'")
        check(not agent.has_logged("AGENT-UPLINK-LOST"), "the session goes on")


def changed_path_reaches_the_agent():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        plant.identities = [(n, k, "demo/elsewhere", key) for n, k, _, key in plant.identities]
        plant.write_registry()
        broker.signal(signal.SIGHUP)
        agent.wait("AGENT-UPLINK-LOST .*another path")
        agent.wait("AGENT-UPLINK-UP", seconds=5)
        check("path demo/elsewhere\n" in (plant.folder / "here-data/identity").read_text(encoding="utf-8"), "it is remembered")


def two_agents_with_one_key_do_not_share_a_session():
    with harness.Plant() as plant:
        agent, broker = plant.agent("here", "demo/here"), plant.broker()
        broker.start()
        agent.start().wait("AGENT-UPLINK-UP")
        more = plant.agent_yaml("here").read_text(encoding="utf-8")
        more = more.replace("here-data", "copy-data").replace("here.sock", "copy.sock")
        copy = plant.process(harness.BIN / "millrace-agent", "--config", plant.write("copy.yaml", more))
        copy.start().wait("AGENT-UPLINK-UP|AGENT-REBORN")
        agent.wait("AGENT-UPLINK-LOST .*newer session of the same identity")


if __name__ == "__main__":
    harness.main(
        agent_comes_up_and_both_end_when_told,
        broker_that_stops_says_goodbye,
        killed_broker_has_its_agent_back_within_3_s,
        broker_that_does_not_answer_is_left,
        agent_before_its_broker_waits,
        killed_agent_comes_back_with_a_higher_birth,
        agent_with_an_older_data_folder_is_born_again_above,
        damaged_identity_does_not_stop_the_agent,
        unknown_key_is_refused_retried_slowly_and_admitted_after_a_reload,
        removed_identity_is_cut_off_at_once,
        wrong_registry_keeps_the_old_one,
        changed_path_reaches_the_agent,
        two_agents_with_one_key_do_not_share_a_session,
    )
