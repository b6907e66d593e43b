"""The names in the table and on the queue: existing data depends on them."""

from lambda_src.chatbot.models import AddTurn
from tests.lambda_src.chatbot.world import ChatContext, World, sent


def test_a_stored_conversation_keeps_its_attribute_names() -> None:
    world = World(window_tokens=1, retention_days=1)
    conversation = world.create(instructions="Be brief.")
    for _ in range(2):
        body = AddTurn(user="Why?", assistant="Because.")
        world.service().add_turn(ChatContext(), id=conversation, body=body)
    world.conversations.save_summary(ChatContext().caller, world.conversation(conversation), "Summary.", 2)
    world.conversations.set_title(ChatContext().caller, world.conversation(conversation), "Title")
    world.service().delete_conversation(ChatContext(), id=conversation)

    item = world.table.items[f"conversation#{ChatContext().caller}", conversation]

    changing = {"model", "updatedAt", "messageCount", "title", "titleGenerated", "opening", "summary", "reachesTo"}
    changing |= {"removed", "removedCount"}
    assert set(item) == {"pk", "sk", "record", "expiresAt", "deleted", *changing}
    assert (item["opening"], item["reachesTo"]) == ({"S": "Why?"}, {"N": "2"})
    message = world.table.items[f"messages#{ChatContext().caller}#{conversation}", "00000001"]
    assert set(message) == {"pk", "sk", "record", "expiresAt"}


def test_a_maintenance_message_keeps_its_field_names() -> None:
    world = World()
    conversation = world.create()
    world.send(conversation)
    assert sent(world) == [{"caller": ChatContext().caller, "conversation": conversation}]
