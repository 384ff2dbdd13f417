DROP TABLE anonymous_chats;
DROP TABLE invitations;
