//! Works with the records alone, as one would with an ORM: create, find, list in order, change, delete.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use kafka_core::{
    ChatFilter, ChatPatch, ErrorKind, Kafka, NewChat, NewMessage, NewUser, PageRequest, Result, Role,
};

fn main() -> Result<()> {
    let kafka = Kafka::in_memory()?;
    let me = kafka.operator();

    // Create.
    let ada = kafka.users(&me).create(NewUser {
        email: "ada@example.org".into(),
        username: Some("ada".into()),
        full_name: None,
    })?;
    let chat = kafka.chats(&me).create(NewChat {
        title: Some("My Chat".into()),
        default_model: Some("openai/gpt-3.5-turbo".into()),
        user_id: Some(ada.id),
        ..NewChat::default()
    })?;
    let mut hello = NewMessage::text(Role::User, "Hello!");
    hello.model = Some("openai/gpt-4".into());
    kafka.messages(&me).create(chat.id, hello)?;
    kafka.messages(&me).create(chat.id, NewMessage::text(Role::Assistant, "Hello, Ada."))?;

    // Find by id, and list in order.
    let found = kafka.chats(&me).get(chat.id)?;
    println!("{:?} belongs to {:?}", found.title, ada.full_name.unwrap_or(ada.email));
    for message in kafka.messages(&me).list(chat.id, &PageRequest::default())?.items {
        println!("{} {}: {}", message.seq, message.role, message.content);
    }

    // Change the default model.
    let patch = ChatPatch { default_model: Some(Some("openai/gpt-4".into())), ..ChatPatch::default() };
    println!("now answered by {:?}", kafka.chats(&me).update(chat.id, patch)?.default_model);

    // Delete, with all that belongs to it.
    kafka.chats(&me).delete(chat.id)?;
    let gone = kafka.messages(&me).list(chat.id, &PageRequest::default());
    println!("its messages are gone too: {}", gone.is_err_and(|error| error.kind() == ErrorKind::NotFound));
    let left = kafka.chats(&me).list(&ChatFilter::default(), &PageRequest::default())?;
    println!("{} chats left", left.items.len());
    Ok(())
}

// Prints:
// Some("My Chat") belongs to "ada@example.org"
// 1 user: Hello!
// 2 assistant: Hello, Ada.
// now answered by Some("openai/gpt-4")
// its messages are gone too: true
// 0 chats left
