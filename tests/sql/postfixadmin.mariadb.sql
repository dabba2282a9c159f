CREATE TABLE domain (
  domain varchar(255) NOT NULL,
  description varchar(255) CHARACTER SET utf8mb4 NOT NULL default '',
  aliases int(10) NOT NULL default '0',
  mailboxes int(10) NOT NULL default '0',
  maxquota bigint(20) NOT NULL default '0',
  quota bigint(20) NOT NULL default '0',
  transport varchar(255) NOT NULL default 'virtual',
  backupmx tinyint(1) NOT NULL default '0',
  created datetime NOT NULL default '2000-01-01 00:00:00',
  modified datetime NOT NULL default '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL default '1',
  PRIMARY KEY (domain)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE mailbox (
  username varchar(255) NOT NULL,
  password varchar(255) NOT NULL default '',
  name varchar(255) CHARACTER SET utf8mb4 NOT NULL default '',
  maildir varchar(255) NOT NULL default '',
  quota bigint(20) NOT NULL default '0',
  local_part varchar(255) NOT NULL default '',
  domain varchar(255) NOT NULL default '',
  created datetime NOT NULL default '2000-01-01 00:00:00',
  modified datetime NOT NULL default '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL default '1',
  PRIMARY KEY (username)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE alias (
  address varchar(255) NOT NULL,
  goto text NOT NULL,
  domain varchar(255) NOT NULL default '',
  created datetime NOT NULL default '2000-01-01 00:00:00',
  modified datetime NOT NULL default '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL default '1',
  PRIMARY KEY (address)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE alias_domain (
  alias_domain varchar(255) NOT NULL,
  target_domain varchar(255) NOT NULL,
  created datetime NOT NULL default '2000-01-01 00:00:00',
  modified datetime NOT NULL default '2000-01-01 00:00:00',
  active tinyint(1) NOT NULL default '1',
  PRIMARY KEY (alias_domain)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE quota2 (
  username varchar(100) NOT NULL,
  bytes bigint(20) NOT NULL default '0',
  messages int(11) NOT NULL default '0',
  PRIMARY KEY (username)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
