CREATE TABLE spare (id integer PRIMARY KEY);
