-- The name of a customer as it is compared with others': two customers that share it are told
-- apart by no payer's name. Words in any order, without accents, marks and kinds of companies; the
-- worker has the same function (`matching::names::key`), and a test holds the two together.
CREATE FUNCTION name_key(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        SELECT coalesce(string_agg(word, ' ' ORDER BY word COLLATE "C"), '')
          FROM (SELECT DISTINCT word
                  FROM regexp_split_to_table(
                           replace(replace(replace(
                               regexp_replace(upper(normalize(name, NFKD)),
                                              '[\u0300-\u036f.''"\u2018\u2019]', '', 'g'),
                               'UE', 'U'), 'OE', 'O'), 'AE', 'A'),
                           '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f]+')
                       AS word) AS words
         WHERE word <> '' AND word <> ALL (ARRAY[
            'PTE', 'LTD', 'LIMITED', 'SDN', 'BHD', 'SENDIRIAN', 'BERHAD', 'INC', 'INCORPORATED',
            'LLC', 'LLP', 'LP', 'CO', 'CORP', 'CORPORATION', 'PLC', 'COMPANY', 'PT', 'TBK',
            'PVT', 'PRIVATE', 'PTY', 'CV', 'GMBH', 'MBH', 'AG', 'KG', 'KGAA', 'OHG', 'GBR',
            'UG', 'EV', 'EK', 'SE', 'GESELLSCHAFT', 'AKTIENGESELLSCHAFT', 'SA', 'SAS', 'SASU',
            'SARL', 'EURL', 'SNC', 'SCA', 'SCS', 'SCI', 'SOCIETE', 'ANONYME', 'SL', 'SLU',
            'SLL', 'SC', 'SAPI', 'SAU', 'SOCIEDAD', 'ANONIMA', 'LIMITADA', 'LTDA', 'EIRELI',
            'CIA', 'SRL', 'SRLS', 'SPA', 'SAPA', 'SOCIETA', 'SS', 'BV', 'NV', 'VOF', 'BVBA',
            'SRO', 'AB', 'HB', 'KB', 'AS', 'ASA', 'ANS', 'APS', 'IS', 'OY', 'OYJ', 'KY',
            'AKTIEBOLAG', 'OSAKEYHTIO', 'EHF', 'HF', 'ZOO', 'SP', 'KFT', 'ZRT', 'BT', 'DOO',
            'AD', 'EOOD', 'OOD', 'UAB', 'SIA', 'OU', 'ООО', 'ОАО', 'ЗАО', 'ПАО', 'АО', 'ИП',
            'ТОВ', 'ТОО', 'ФОП', 'ЧП', 'НКО', 'WLL', 'FZE', 'FZCO', 'FZLLC', 'FZC', 'JSC',
            'PJSC', 'OJSC', 'ذمم', 'شمم', 'شذمم', 'شمع', 'OOO', 'ZAO', 'OAO', 'PAO', 'AO', 'IP',
            'TOV', 'ΑΕ', 'ΕΠΕ', 'ΟΕ', 'ΙΚΕ', 'בעמ', 'STI', 'STE', 'ETS', 'SOC', 'UNIPERSONALE',
            'PUBL', 'STICHTING', 'STIFTUNG', 'SPOLKA', 'LDA', 'ME', 'EPP', 'GMBHCO',
            'PERSEROAN', 'TERBATAS', 'BHDSDN', 'АД', 'ДОО', 'شركه', 'موسسه', 'المحدوده',
            'محدوده', 'THE', 'AND', 'UND', 'ET', 'Y', 'DE', 'MR', 'MRS', 'MS', 'MISS', 'MDM',
            'MME', 'MLLE', 'HERR', 'FRAU', 'DR', 'PROF', 'SR', 'SRA', 'SIG', 'SIGRA', 'DOTT',
            'ING', 'MEVR', 'DHR', 'FRU', 'ENCIK']));
GRANT EXECUTE ON FUNCTION name_key(text) TO topup_worker;
CREATE INDEX accounts_name_key ON accounts (name_key(name));
