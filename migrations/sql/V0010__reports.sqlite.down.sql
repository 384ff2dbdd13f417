DROP VIEW usage_report;
DROP VIEW message_report;
DROP VIEW chat_report;
