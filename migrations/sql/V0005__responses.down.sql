DROP TABLE response_events;
DROP TABLE responses;
DROP TABLE nodes;
